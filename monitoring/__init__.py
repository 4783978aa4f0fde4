"""Watching: dashboard, health, status. It reads trading through its doors and never acts."""
