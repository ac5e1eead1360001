"""Reports: named questions about the journal and what stands around it, answered in rows."""
