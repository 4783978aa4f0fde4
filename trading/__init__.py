"""The house of trading: models, venue wire, live data, services, and their entrances."""
