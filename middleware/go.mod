module lapwing.dev/lapwing/middleware

go 1.25.0
