package app

import (
	"context"
	"log/slog"
)

// ClearAdvice says what to do where tokens cross a network that others can read.
const ClearAdvice = "they travel in clear, for anybody on the way to read and use: set HERALD_TLS_CERT_FILE and HERALD_TLS_KEY_FILE, or " +
	"HERALD_TRUSTED_PROXIES to the addresses of the proxy that ends TLS"

// tellOfClearTokens warns where tokens cross such a network.
func tellOfClearTokens(ctx context.Context, logger *slog.Logger, s Settings) {
	if s.TokensInClear() {
		logger.WarnContext(ctx, "tokens travel in clear", slog.String("advice", ClearAdvice))
	}
}
