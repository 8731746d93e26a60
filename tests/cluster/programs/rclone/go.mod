module headgate.test/rclone

go 1.24.0

require github.com/rclone/rclone v1.71.0
