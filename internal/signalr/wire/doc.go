// Package wire is how messages are written as bytes, and read from them. It knows neither hubs nor connections nor transports.
package wire
