"""How the processes of one machine run together: supervisor, scheduler, folder queue, SQLite, demo."""
