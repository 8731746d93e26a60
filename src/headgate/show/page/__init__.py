"""What is the report made of? Markup that is escaped unless we made it, plots, and a section for each part."""
