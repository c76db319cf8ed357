package auth

// Observer is told what becomes of tokens and keys. Its methods are called with requests, by many goroutines: they must not
// block.
type Observer interface {
	// TokenRefused reports a token, or a request without one, that was refused.
	TokenRefused(reason Reason)
	// KeysFetched reports that the JWK Set was fetched, and how many keys it has that Herald can read.
	KeysFetched(keys int)
	// KeysNotFetched reports that the JWK Set could not be fetched. The last keys stay in use.
	KeysNotFetched()
}

type ignorant struct{}

func (ignorant) TokenRefused(Reason) {}
func (ignorant) KeysFetched(int)     {}
func (ignorant) KeysNotFetched()     {}
