"""The store's schema, version by version; shipped with the server and run by `handbackd migrate`.

A version is `pre` or `post`: a `pre` may be applied while the former release still runs, a `post`
when it is gone. File names say which: `0007_pre_add_….py`. A released version is never edited.
"""

from handback_migrations.schema import check, current, head, migrate, prepare

__all__ = ["check", "current", "head", "migrate", "prepare"]
