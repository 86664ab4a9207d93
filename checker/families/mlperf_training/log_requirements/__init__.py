"""A round's log requirements laid over a log: as MLCommons' checker does (loose), as the rules mean them (strict)."""
