"""What the server and the client share: handlers, listeners, and the checks of what the user gives."""
