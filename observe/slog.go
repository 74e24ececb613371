package observe

import (
	"context"
	"log/slog"
)

// Slog returns an Observer that writes each event to l, with the event's kind
// as the message and its fields as attributes, at the event's level. The message of
// a [Notice] is its text, so that it is readable in a console. A nil l
// means slog.Default(), looked up at each event.
func Slog(l *slog.Logger) Observer { return slogObserver{l} }

type slogObserver struct{ l *slog.Logger }

// Observe implements Observer.
func (s slogObserver) Observe(ctx context.Context, ev Event) {
	l := s.l
	if l == nil {
		l = slog.Default()
	}
	level := ev.level()
	if !l.Enabled(ctx, level) {
		return
	}
	if n, ok := ev.(Notice); ok {
		l.LogAttrs(ctx, level, n.Text, attrs(nil).str("owner", n.Owner).str("event", n.kind())...)
		return
	}
	l.LogAttrs(ctx, level, ev.kind(), ev.attrs()...)
}

// attrs collects the fields of an event, leaving out empty ones.
type attrs []slog.Attr

func (a attrs) str(key, v string) attrs {
	if v == "" {
		return a
	}
	return append(a, slog.String(key, v))
}

func (a attrs) err(err error) attrs {
	if err == nil {
		return a
	}
	return append(a, slog.String("error", err.Error()))
}

func (a attrs) add(others ...slog.Attr) attrs { return append(a, others...) }

// failed is the level of an event that is a warning when err is set.
func failed(err error, otherwise slog.Level) slog.Level {
	if err != nil {
		return slog.LevelWarn
	}
	return otherwise
}
