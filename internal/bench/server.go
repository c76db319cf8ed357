package bench

// Server is the server process that a bench measures.
type Server struct {
	// URL is its address, PID its process on this machine, Secret the key of its tokens.
	URL    string
	PID    int
	Secret string
	// Stop ends it.
	Stop func()
}
