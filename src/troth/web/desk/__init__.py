"""The pages of the desk, for staff: what is due, legal requests, disclosures, deliveries and claims. They only show."""
