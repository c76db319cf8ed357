package auth

// Observer is told what becomes of tokens and keys. Its methods are called with requests, by many goroutines: they must not
// block.
type Observer interface {
	// TokenRefused reports a token, or a request without one, that was refused.
	TokenRefused(reason Reason)
	// KeysFetched reports that the JWK Set was fetched, and how many of its keys are in use.
	KeysFetched(keys int)
	// KeysIgnored reports, with each JWK Set that could be read, how many of its keys are left out.
	KeysIgnored(keys int)
	// KeysNotFetched reports that the JWK Set could not be fetched. The last keys stay in use.
	KeysNotFetched()
}

type ignorant struct{}

func (ignorant) TokenRefused(Reason) {}
func (ignorant) KeysFetched(int)     {}
func (ignorant) KeysIgnored(int)     {}
func (ignorant) KeysNotFetched()     {}
