# base splits the report as the 15-5 tasks do, so that Joint is their upper bound
task = dict(dataset='voc', name='offline', base=15)
