"""Models reach production only through gates, and only through Git.

The journey, in order; every verb is a function from record to record.

| verb     | in                 | out               | next                          |
|----------|--------------------|-------------------|-------------------------------|
| collect  | Service            | DatasetRef        | validate                      |
| validate | DatasetRef         | ValidationReport  | train, unless it failed       |
| train    | ValidationReport   | Model             | evaluate                      |
| evaluate | Model              | Evaluation        | gate                          |
| gate     | Evaluation         | Verdict           | propose, if it passed; track  |
| propose  | Verdict            | PullRequest       | a merge, then the canary      |
| canary   | Count              | Analysis          | live, or propose a revert     |
| join     | predictions        | LabelledWindow    | drift, trigger                |
| drift    | LabelledWindow     | DriftReport       | trigger                       |
| trigger  | Signal             | Trigger           | collect                       |
"""
