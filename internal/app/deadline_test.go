package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// deadlineRecorder is a response on a connection whose earlier request has set a deadline.
type deadlineRecorder struct {
	http.ResponseWriter

	write time.Time
}

func (d *deadlineRecorder) SetWriteDeadline(at time.Time) error { d.write = at; return nil }
func (d *deadlineRecorder) SetReadDeadline(time.Time) error     { return nil }

// The write deadline of an API answer does not end a later negotiation on the same connection.
func TestARequestIsNotBoundByTheTimeOfAnEarlierOne(t *testing.T) {
	t.Parallel()
	for _, body := range []int64{0, 5} {
		w := &deadlineRecorder{httptest.NewRecorder(), time.Now()}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.ContentLength = body
		before, during := time.Now(), time.Time{}
		boundAnswers(boundBodies(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			during = w.write
		}))).ServeHTTP(w, r)
		require.WithinRange(t, during, before.Add(answerTimeout), time.Now().Add(answerTimeout), "its own time, from now on")
	}
}
