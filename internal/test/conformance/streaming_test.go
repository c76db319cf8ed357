package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/yummyzoom/herald/internal/signalr"
)

func streamOf[T any](
	h *signalr.Hub, name string, sequence func(ctx context.Context, c *signalr.Call) iter.Seq2[T, error],
) {
	signalr.Stream0(h, name, func(ctx context.Context, c *signalr.Call) (iter.Seq2[T, error], error) {
		return sequence(ctx, c), nil
	})
}

// registerStreams registers the methods that stream to the client.
func registerStreams(h *signalr.Hub) {
	streamOf(h, "Stream", func(context.Context, *signalr.Call) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			_ = yield("a", nil) && yield("b", nil) && yield("c", nil)
		}
	})
	streamOf(h, "EmptyStream", func(context.Context, *signalr.Call) iter.Seq2[int, error] { return upTo(0) })
	streamOf(h, "StreamNothing", func(context.Context, *signalr.Call) iter.Seq2[int, error] { return nil })
	streamOf(h, "Infinite", func(ctx context.Context, c *signalr.Call) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			yield("and so on", nil)
			tellCancellation(ctx, c)
		}
	})
	streamOf(h, "Silent", func(ctx context.Context, c *signalr.Call) iter.Seq2[string, error] {
		return func(func(string, error) bool) { tellCancellation(ctx, c) }
	})
	signalr.Stream1(h, "Count", func(_ context.Context, _ *signalr.Call, n int) (iter.Seq2[int, error], error) {
		return upTo(n), nil
	})
	signalr.Stream1(h, "StreamObjects", func(
		_ context.Context, _ *signalr.Call, n int,
	) (iter.Seq2[customObject, error], error) {
		return func(yield func(customObject, error) bool) {
			for i := range n {
				if !yield(customObject{Name: "物", Value: i}, nil) {
					return
				}
			}
		}, nil
	})
	signalr.Stream2(h, "StreamLetters", func(
		_ context.Context, _ *signalr.Call, n, size int,
	) (iter.Seq2[string, error], error) {
		return func(yield func(string, error) bool) {
			for range n {
				if !yield(letters(size), nil) {
					return
				}
			}
		}, nil
	})
	registerBrokenStreams(h)
}

func tellCancellation(ctx context.Context, c *signalr.Call) {
	<-ctx.Done()
	_ = send(c.Conn, "StreamCanceled") // fails where the connection has ended, too
}

func upTo(n int) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
	}
}

// registerBrokenStreams registers the ways in which a stream fails: before its first item, and behind some.
func registerBrokenStreams(h *signalr.Hub) {
	for name, fail := range map[string]func(text string) error{
		"Fail":   errors.New,
		"Refuse": func(text string) error { return &signalr.HubError{Message: text} },
		"Panic":  func(text string) error { panic(text) },
	} {
		signalr.Stream1(h, "Stream"+name, func(
			_ context.Context, _ *signalr.Call, text string,
		) (iter.Seq2[int, error], error) {
			return nil, fail(text)
		})
		signalr.Stream2(h, "CountAnd"+name, func(
			_ context.Context, _ *signalr.Call, n int, text string,
		) (iter.Seq2[int, error], error) {
			return func(yield func(int, error) bool) {
				for i := range upTo(n) {
					if !yield(i, nil) {
						return
					}
				}
				yield(0, fail(text))
			}, nil
		})
	}
	signalr.Stream1(h, "CountAndUnencodable", func(
		_ context.Context, _ *signalr.Call, n int,
	) (iter.Seq2[any, error], error) {
		return func(yield func(any, error) bool) {
			for i := range upTo(n) {
				if !yield(i, nil) {
					return
				}
			}
			yield(make(chan int), nil)
		}, nil
	})
}

// registerOptionals registers the methods that an older client calls with fewer arguments.
func registerOptionals(h *signalr.Hub) {
	signalr.Method3(h, "Greet", func(
		_ context.Context, _ *signalr.Call, name string, greeting signalr.Optional[string], times signalr.Optional[int],
	) (any, error) {
		return name + ", " + given(greeting) + ", " + given(times), nil
	})
	signalr.Stream2(h, "GreetAll", func(
		_ context.Context, _ *signalr.Call, name string, times signalr.Optional[int],
	) (iter.Seq2[string, error], error) {
		return func(yield func(string, error) bool) { yield(name+", "+given(times), nil) }, nil
	})
}

func given[T any](o signalr.Optional[T]) string {
	if !o.Given {
		return "not given"
	}
	return fmt.Sprintf("%#v", o.Value)
}

// registerUploads registers the methods that the client streams to.
func registerUploads(h *signalr.Hub) {
	signalr.Method1(h, "Concat", func(_ context.Context, _ *signalr.Call, up *signalr.Upload[string]) (any, error) {
		return join(up, "")
	})
	signalr.Method2(h, "Join", func(
		_ context.Context, _ *signalr.Call, up *signalr.Upload[string], separator string,
	) (any, error) {
		return join(up, separator)
	})
	signalr.Method3(h, "JoinTwo", func(
		_ context.Context, _ *signalr.Call, one *signalr.Upload[string], separator string, other *signalr.Upload[string],
	) (any, error) {
		left, err := join(one, "")
		if err != nil {
			return nil, err
		}
		right, err := join(other, "")
		return left + separator + right, err
	})
	signalr.Method1(h, "NoteAll", func(_ context.Context, c *signalr.Call, up *signalr.Upload[int]) (any, error) {
		p := peerOf(c.Conn)
		n := 0
		for i, err := range up.All() {
			if err != nil {
				return nil, err
			}
			n = p.note(i)
		}
		return n, nil
	})
	signalr.Method1(h, "Names", func(_ context.Context, _ *signalr.Call, up *signalr.Upload[customObject]) (any, error) {
		var names []string
		for o, err := range up.All() {
			if err != nil {
				return nil, err
			}
			names = append(names, o.Name)
		}
		return names, nil
	})
	signalr.Method1(h, "First", func(_ context.Context, _ *signalr.Call, up *signalr.Upload[string]) (any, error) {
		for s, err := range up.All() {
			return s, err
		}
		return nil, errors.New("there is no first")
	})
	signalr.Method1(h, "RefuseUpload", func(context.Context, *signalr.Call, *signalr.Upload[string]) (any, error) {
		return nil, &signalr.HubError{Message: "Not wanted."}
	})
	signalr.Method1(h, "TellUploadError", func(
		_ context.Context, _ *signalr.Call, up *signalr.Upload[string],
	) (any, error) {
		if _, err := join(up, ""); err != nil {
			return nil, &signalr.HubError{Message: err.Error()}
		}
		return nil, nil
	})
	signalr.Stream1(h, "Shout", func(
		_ context.Context, _ *signalr.Call, up *signalr.Upload[string],
	) (iter.Seq2[string, error], error) {
		return func(yield func(string, error) bool) {
			for s, err := range up.All() {
				if !yield(strings.ToUpper(s), err) {
					return
				}
			}
		}, nil
	})
}

func join(up *signalr.Upload[string], separator string) (string, error) {
	var all []string
	for s, err := range up.All() {
		if err != nil {
			return "", err
		}
		all = append(all, s)
	}
	return strings.Join(all, separator), nil
}

// registerQuestions registers the methods that ask the client for results.
func registerQuestions(h *signalr.Hub) {
	signalr.Method0(h, "AskMe", func(ctx context.Context, c *signalr.Call) (any, error) {
		return c.Conn.Invoke(ctx, "Ask", nil)
	})
	signalr.Stream1(h, "AskAndStream", func(ctx context.Context, c *signalr.Call, n int) (iter.Seq2[any, error], error) {
		return func(yield func(any, error) bool) {
			for i := range upTo(n) {
				args, err := encode([]any{i})
				if err != nil {
					yield(nil, err)
					return
				}
				if !yield(c.Conn.Invoke(ctx, "Ask", args)) {
					return
				}
			}
		}, nil
	})
}

// answer is the result of a question to the client.
type answer struct {
	Result any    `json:"result"`
	Error  string `json:"error"`
}

func (p *peer) ask(ctx context.Context, a controlArgument) (any, error) {
	args, err := encode(a.Args)
	if err != nil {
		return nil, err
	}
	result, err := p.conn.Invoke(ctx, a.Target, args)
	if err != nil {
		return answer{Error: err.Error()}, nil //nolint:nilerr // it is the case's to judge
	}
	return answer{Result: result}, nil
}
