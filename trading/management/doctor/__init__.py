"""What `manage.py doctor` looks at, one module for each place; nothing here changes anything by itself."""
