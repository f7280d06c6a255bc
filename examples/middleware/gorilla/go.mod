module example.com/orders

go 1.25.0

require lapwing.dev/lapwing/middleware v0.0.0

require github.com/gorilla/mux v1.8.1

// In your own program: go get lapwing.dev/lapwing/middleware, without this line.
replace lapwing.dev/lapwing/middleware => ../../../middleware
