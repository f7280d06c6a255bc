package delivery

import (
	"context"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/health"
)

// Bounds of the history's queue.
const (
	historyQueue = 1024
	historyBatch = 200 * time.Millisecond // that deliveries wait to be written together
)

// remember writes down a delivery that the receiver took. Nothing waits for it
// unless it must: what was delivered is delivered, whether it is written or not.
func (o *Outbox) remember(d *Delivery, now bool) {
	o.counts.end(d.Receiver, d.Kind, d.State)
	written := *d
	if now || !o.queue(&written) {
		o.write([]*Delivery{&written})
	}
}

// queue hands a delivery to the history's writer; false when that has ended or is
// behind: the store is slow, and the pipeline waits for it.
func (o *Outbox) queue(d *Delivery) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.running {
		return false
	}
	select {
	case o.history <- d:
		return true
	default:
		return false
	}
}

// record writes deliveries in batches until ctx ends. One transaction for many
// leaves the disk to what somebody waits for.
func (o *Outbox) record(ctx context.Context) {
	for {
		select {
		case d := <-o.history:
			timer := time.NewTimer(historyBatch)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
			o.write(o.queued([]*Delivery{d}))
		case <-ctx.Done():
			return
		}
	}
}

// queued appends what is in the queue.
func (o *Outbox) queued(list []*Delivery) []*Delivery {
	for {
		select {
		case d := <-o.history:
			list = append(list, d)
		default:
			return list
		}
	}
}

// write stores deliveries that are over.
func (o *Outbox) write(list []*Delivery) {
	if len(list) == 0 {
		return
	}
	if err := o.deps.Store.PutEnded(context.Background(), list); err != nil {
		o.broken(err)
	} else {
		o.mended()
	}
	for _, d := range list {
		o.tell(d)
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
