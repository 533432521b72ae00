// Readings and log levels are part of this module's interface: users need no second import for them.

@_exported import GenAISupport
