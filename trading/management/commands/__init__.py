"""The commands `manage.py` finds, one file each."""
