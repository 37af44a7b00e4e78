"""Changes at services: what differs between them, what is proposed, decided and applied."""
