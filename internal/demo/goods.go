package demo

import "time"

type item struct {
	ID    int      `json:"id"`
	Name  string   `json:"name"`
	Price float64  `json:"price"`
	Tags  []string `json:"tags"`
}

type order struct {
	ID        int         `json:"id"`
	Status    string      `json:"status"`
	Total     float64     `json:"total"`
	CreatedAt time.Time   `json:"created_at"`
	Note      *string     `json:"note"`
	Lines     []orderLine `json:"lines"`
}

type orderLine struct {
	ItemID   int `json:"item_id"`
	Quantity int `json:"quantity"`
}

type orderPage struct {
	Orders []order `json:"orders"`
	Next   *string `json:"next"`
}

type searchResult struct {
	Query   string `json:"query"`
	Results []item `json:"results"`
}

type stock struct {
	ItemID int `json:"item_id"`
	Count  int `json:"count"`
}

type report struct {
	Date    string  `json:"date"`
	Orders  int     `json:"orders"`
	Revenue float64 `json:"revenue"`
}

var catalogue = [...]item{
	{1, "Oak desk", 349, []string{"furniture"}},
	{2, "Desk lamp", 59.5, []string{"light", "desk"}},
	{3, "Floor lamp", 120, []string{"light"}},
	{4, "Linen chair", 210, []string{"furniture"}},
	{5, "Wool rug", 185.9, []string{"textile"}},
	{6, "Wall shelf", 74, []string{"furniture"}},
	{7, "Paper bin", 19.9, []string{}},
	{8, "Reading lamp", 44, []string{"light"}},
}

const orderCount = 64

var statuses = [...]string{"new", "paid", "shipped", "shipped", "returned"}

// orderNumber makes an order of its number alone.
func orderNumber(id int) order {
	first, second := catalogue[id%len(catalogue)], catalogue[id*3%len(catalogue)]
	o := order{
		ID: id, Status: statuses[id%len(statuses)],
		CreatedAt: time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(id) * 7 * time.Hour),
		Lines:     []orderLine{{first.ID, 1 + id%3}},
		Total:     first.Price * float64(1+id%3),
	}
	if second.ID != first.ID {
		o.Lines = append(o.Lines, orderLine{second.ID, 1})
		o.Total += second.Price
	}
	if id%4 == 0 {
		note := "leave with the neighbours"
		o.Note = &note
	}
	return o
}
