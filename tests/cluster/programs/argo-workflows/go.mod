module headgate.test/argo-workflows

go 1.25.7

require github.com/argoproj/argo-workflows/v3 v3.7.18

replace (
	github.com/olekukonko/tablewriter => github.com/olekukonko/tablewriter v0.0.5
)
