"""Starting, watching and stopping all processes of one machine. Entered by `manage.py up` alone."""
