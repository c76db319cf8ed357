package signalr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/yummyzoom/herald/internal/signalr"
)

// registerStreams gives the hub one method for each thing that can happen with streams.
func registerStreams(h *signalr.Hub) {
	registerDownloads(h)
	registerUploads(h)
	registerQuestions(h)
	signalr.Method3(h, "Greet", func(
		_ context.Context, _ *signalr.Call, name string, greeting signalr.Optional[string], times signalr.Optional[int],
	) (any, error) {
		return fmt.Sprint(name, " ", greeting, " ", times), nil
	})
}

func registerDownloads(h *signalr.Hub) {
	signalr.Stream1(h, "Numbers", func(_ context.Context, _ *signalr.Call, n int) (iter.Seq2[int, error], error) {
		return count(0, n), nil
	})
	signalr.Stream2(h, "NumbersFrom", func(
		_ context.Context, _ *signalr.Call, n int, from signalr.Optional[int],
	) (iter.Seq2[int, error], error) {
		return count(from.Value, n), nil
	})
	for name, f := range map[string]func(*signalr.Call) (iter.Seq2[string, error], error){
		"StreamRefuse": func(*signalr.Call) (iter.Seq2[string, error], error) {
			return nil, &signalr.HubError{Message: "Forbidden"}
		},
		"StreamFail":    func(*signalr.Call) (iter.Seq2[string, error], error) { return nil, errors.New("a secret") },
		"StreamPanic":   func(*signalr.Call) (iter.Seq2[string, error], error) { panic("a secret") },
		"StreamNothing": func(*signalr.Call) (iter.Seq2[string, error], error) { return nil, nil },
		"StreamEarly": func(c *signalr.Call) (iter.Seq2[string, error], error) {
			c.Complete("early")
			return func(yield func(string, error) bool) { yield("item", nil) }, nil
		},
	} {
		signalr.Stream0(h, name, func(_ context.Context, c *signalr.Call) (iter.Seq2[string, error], error) { return f(c) })
	}
	signalr.Stream1(h, "Break", func(_ context.Context, _ *signalr.Call, how string) (iter.Seq2[any, error], error) {
		return func(yield func(any, error) bool) {
			if !yield("first", nil) {
				return
			}
			switch how {
			case "refuse":
				yield(nil, &signalr.HubError{Message: "Forbidden"})
			case "fail":
				yield(nil, errors.New("a secret"))
			case "cancel":
				yield(nil, context.Canceled) // not the stream's own
			case "panic":
				panic("a secret")
			case "unencodable":
				yield(make(chan int), nil)
			}
		}, nil
	})
	// After the cancellation each method goes on in its own way.
	for name, then := range map[string]func(ctx context.Context, yield func(string, error) bool){
		"Hold": func(ctx context.Context, yield func(string, error) bool) {
			yield("", fmt.Errorf("holding: %w", ctx.Err()))
		},
		"Deaf": func(_ context.Context, yield func(string, error) bool) {
			for yield("more", nil) {
			}
		},
		"Grumble": func(_ context.Context, yield func(string, error) bool) {
			yield("", &signalr.HubError{Message: "Again?"})
		},
	} {
		signalr.Stream0(h, name, func(ctx context.Context, _ *signalr.Call) (iter.Seq2[string, error], error) {
			return func(yield func(string, error) bool) {
				if yield("held", nil) {
					<-ctx.Done()
					then(ctx, yield)
				}
			}, nil
		})
	}
}

func count(from, n int) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(from+i, nil) {
				return
			}
		}
	}
}

func registerUploads(h *signalr.Hub) {
	signalr.Method1(h, "Sum", func(_ context.Context, _ *signalr.Call, numbers *signalr.Upload[int]) (any, error) {
		return sum(numbers)
	})
	signalr.Method3(h, "Scale", func(
		_ context.Context, _ *signalr.Call, factor int, numbers *signalr.Upload[int], suffix string,
	) (any, error) {
		total, err := sum(numbers)
		return fmt.Sprint(factor*total, suffix), err
	})
	signalr.Method2(h, "Join", func(
		_ context.Context, _ *signalr.Call, left, right *signalr.Upload[string],
	) (any, error) {
		var text strings.Builder
		for _, u := range []*signalr.Upload[string]{left, right} {
			for s, err := range u.All() {
				if err != nil {
					return nil, err
				}
				text.WriteString(s)
			}
		}
		return text.String(), nil
	})
	signalr.Method1(h, "Tolerate", func(_ context.Context, _ *signalr.Call, numbers *signalr.Upload[int]) (any, error) {
		n := 0
		for _, err := range numbers.All() {
			if err != nil {
				return fmt.Sprintf("%d items, then: %v", n, err), nil
			}
			n++
		}
		return n, nil
	})
	signalr.Method1(h, "First", func(_ context.Context, _ *signalr.Call, numbers *signalr.Upload[int]) (any, error) {
		for n, err := range numbers.All() {
			return n, err
		}
		return nil, errors.New("nothing came")
	})
	signalr.Method1(h, "UploadPanic", func(context.Context, *signalr.Call, *signalr.Upload[int]) (any, error) {
		panic("a secret")
	})
	signalr.Stream1(h, "Twice", func(
		_ context.Context, _ *signalr.Call, numbers *signalr.Upload[int],
	) (iter.Seq2[int, error], error) {
		return func(yield func(int, error) bool) {
			for n, err := range numbers.All() {
				if !yield(2*n, err) {
					return
				}
			}
		}, nil
	})
	signalr.Stream1(h, "TwiceFail", func(
		context.Context, *signalr.Call, *signalr.Upload[int],
	) (iter.Seq2[int, error], error) {
		return nil, errors.New("a secret")
	})
}

func sum(numbers *signalr.Upload[int]) (int, error) {
	total := 0
	for n, err := range numbers.All() {
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func registerQuestions(h *signalr.Hub) {
	ask := func(ctx context.Context, c *signalr.Conn) (json.RawMessage, error) {
		return c.Invoke(ctx, "Question", []json.RawMessage{json.RawMessage(`"what?"`)})
	}
	signalr.Method1(h, "Ask", func(ctx context.Context, c *signalr.Call, _ *signalr.Upload[int]) (any, error) {
		return ask(ctx, c.Conn)
	})
	signalr.Method0(h, "AskInline", func(ctx context.Context, c *signalr.Call) (any, error) {
		_, err := ask(ctx, c.Conn)
		return err.Error(), nil
	})
	signalr.Stream0(h, "AskTwice", func(ctx context.Context, c *signalr.Call) (iter.Seq2[any, error], error) {
		_, early := ask(ctx, c.Conn)
		return func(yield func(any, error) bool) {
			if yield(early.Error(), nil) {
				answer, err := ask(ctx, c.Conn)
				yield(answer, err)
			}
		}, nil
	})
}
