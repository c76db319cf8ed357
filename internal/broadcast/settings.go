package broadcast

// Settings are the operator's choices for a [Broadcaster].
type Settings struct {
	// ReplayLimit is the most events that one resume sends. A client that is further behind gets a gap.
	ReplayLimit int `default:"1000" env:"HERALD_REPLAY_LIMIT" zero:"refused: nothing could be resumed" placeholder:"N" help:"Events that a resume replays at most; further behind is a gap (${default})."`
	// RingBytes bounds the recent events held in memory, over all groups of the node.
	RingBytes int64 `default:"67108864" env:"HERALD_RING_BYTES" zero:"refused: every resume would be read from the database" placeholder:"BYTES" help:"Memory for recent events, which resumes are answered from (${default})."`
	// MaxGroups is the number of groups that one connection may be a member of.
	MaxGroups int `default:"1000" env:"HERALD_MAX_GROUPS" zero:"refused: groups without a limit are memory without a limit" placeholder:"N" help:"Groups that one connection may be in (${default})."`
}
