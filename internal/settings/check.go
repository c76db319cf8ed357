package settings

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// The values of the tag zero.
const (
	with    = "with "
	refused = "refused: "
)

// Check reports all numbers and durations of a settings struct that are out of their range, by the names of their
// variables.
func Check[T any](s T) error {
	var errs []error
	each(reflect.ValueOf(s), "", func(f field) {
		if f.value.CanInt() {
			errs = append(errs, f.check())
		}
	})
	return errors.Join(errs...)
}

func (f field) check() error {
	value, least, zero := f.value.Int(), f.least(), f.tag.Get("zero")
	reason, never := strings.CutPrefix(zero, refused)
	if rate, burst := strings.CutPrefix(zero, with); burst {
		never = !f.of.FieldByName(rate).IsZero()
	}
	if value == 0 && !never || value > 0 && value >= least {
		return nil
	}
	if text, ok := f.tag.Lookup("least"); ok {
		or := "0 or "
		if never {
			or = ""
		}
		return because(fmt.Errorf("%s is %v: it must be %sat least %s", f.name, f.value, or, text), reason)
	}
	switch {
	case !never:
		return fmt.Errorf("%s must be at least 0", f.name)
	case f.isDuration():
		return because(fmt.Errorf("%s must be more than zero", f.name), reason)
	}
	return because(fmt.Errorf("%s must be at least 1", f.name), reason)
}

func because(err error, reason string) error {
	if reason == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, reason)
}

func (f field) isDuration() bool { return f.value.Type() == reflect.TypeFor[time.Duration]() }

// least is the smallest value beside 0.
func (f field) least() int64 {
	text, ok := f.tag.Lookup("least")
	if !ok {
		return 1
	}
	least := reflect.New(f.value.Type()).Elem()
	if err := set(least, text); err != nil {
		panic(fmt.Sprintf("settings: the least of %s: %v", f.name, err)) // as in Defaults
	}
	return least.Int()
}
