package outbox

import (
	"context"

	"github.com/google/uuid"

	"github.com/yummyzoom/herald/internal/postgres/dbsqlc"
)

// Story is everything that is known of an event.
type Story struct {
	EventID        uuid.UUID     `json:"eventId"`
	Status         string        `json:"status"`         // one of the Status… constants
	TimesPublished int           `json:"timesPublished"` // rows of the outbox with this id, up to a limit
	Places         []Whereabouts `json:"places"`         // one for each group, else one that says why there is none
	Duplicates     []Whereabouts `json:"duplicates"`     // one for each time that the id was published again
	History        []Step        `json:"history"`        // its deaths and what was decided about it
}

// Tracer tells the stories of events.
type Tracer struct {
	db dbsqlc.DBTX
}

// NewTracer returns a tracer over db, typically a pool.
func NewTracer(db dbsqlc.DBTX) *Tracer { return &Tracer{db} }

// Story tells where an event is and how it got there. An unknown event has a story, too, of StatusUnknown.
func (t *Tracer) Story(ctx context.Context, eventID uuid.UUID) (Story, error) {
	found, err := Trace(ctx, t.db, eventID)
	if err != nil {
		return Story{}, err
	}
	history, err := History(ctx, t.db, eventID)
	if err != nil {
		return Story{}, err
	}
	story := Story{EventID: eventID, Places: []Whereabouts{}, Duplicates: []Whereabouts{}, History: history}
	for _, w := range found {
		if w.Status == StatusDuplicate {
			story.Duplicates = append(story.Duplicates, w)
			continue
		}
		story.Status, story.TimesPublished = w.Status, w.TimesPublished
		story.Places = append(story.Places, w)
	}
	return story, nil
}
