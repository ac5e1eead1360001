"""Taking hand-back files in: picked up or uploaded, landed, judged, decoded, ready or held back."""
