"""What can be asked, as frozen data."""
