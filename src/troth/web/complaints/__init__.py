"""The pages of complaints: a form for anybody, a page for whoever has a code, and one for a recourse body's token."""
