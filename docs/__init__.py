"""The site, and what writes its generated parts."""
