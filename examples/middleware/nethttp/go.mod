module example.com/orders

go 1.25.0

require lapwing.dev/lapwing/middleware v0.0.0

// In your own program: go get lapwing.dev/lapwing/middleware, without this line.
replace lapwing.dev/lapwing/middleware => ../../../middleware
