package delivery

import (
	"context"
	"sync"

	"lapwing.dev/lapwing/internal/health"
)

// record is a delivery on its way to the history.
type record struct{ delivery Delivery }

// remember writes down a delivery that the receiver took. Nothing waits for it
// unless it must: what was delivered is delivered, whether it is written or not.
func (o *Outbox) remember(ctx context.Context, d *Delivery, now bool) {
	o.counts.end(d.Receiver, d.Kind, d.State)
	r := record{delivery: *d}
	if now || !o.queue(r) {
		o.write(r)
	}
}

// queue hands a record to Run; false when Run has ended or is behind: the store is
// slow, and the pipeline waits for it.
func (o *Outbox) queue(r record) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.running {
		return false
	}
	select {
	case o.history <- r:
		return true
	default:
		return false
	}
}

// write stores a delivery that is over.
func (o *Outbox) write(r record) {
	if err := o.deps.Store.PutDelivery(context.Background(), &r.delivery, nil); err != nil {
		o.broken(err)
	} else {
		o.mended()
	}
	o.tell(&r.delivery)
}

// flush writes what is left when Run ends.
func (o *Outbox) flush() {
	for {
		select {
		case r := <-o.history:
			o.write(r)
		default:
			return
		}
	}
}

// tell hands a delivery to who wants to know.
func (o *Outbox) tell(d *Delivery) {
	if o.deps.Told != nil {
		told := *d
		o.deps.Told(&told)
	}
}

const codeStore = "deliveries_unwritten"

// broken says that the store does not take deliveries.
func (o *Outbox) broken(err error) {
	o.mu.Lock()
	first := !o.storeDown
	o.storeDown = true
	o.mu.Unlock()
	if first {
		o.log.Error("deliveries cannot be written", "error", err)
	}
	if o.deps.Health != nil {
		o.deps.Health.Raise(health.Notice{
			Code: codeStore, Severity: health.Failing, Title: "The history of notifications cannot be written",
			Text: "Notifications are sent, but one that a receiver does not take is lost if this server stops: " + err.Error(),
		})
	}
}

func (o *Outbox) mended() {
	o.mu.Lock()
	was := o.storeDown
	o.storeDown = false
	o.mu.Unlock()
	if was {
		o.log.Info("deliveries can be written again")
		if o.deps.Health != nil {
			o.deps.Health.Clear(codeStore)
		}
	}
}

// maxFailed is how many given up notifications can be tried by hand.
const maxFailed = 100

// failed keeps the last notifications that were given up.
type failed struct {
	mu   sync.Mutex
	list []*failure
}

type failure struct {
	key  channelKey
	item *item
}

func (f *failed) add(key channelKey, it *item) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.list) >= maxFailed {
		f.list = f.list[1:]
	}
	f.list = append(f.list, &failure{key, it})
}

func (f *failed) take(id int64) *failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, e := range f.list {
		if e.item.record.ID == id {
			f.list = append(f.list[:i:i], f.list[i+1:]...)
			return e
		}
	}
	return nil
}
