"""What starts the service at boot: a unit for systemd and an agent for launchd, filled in by service_install.py."""
