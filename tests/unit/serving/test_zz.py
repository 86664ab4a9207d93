import sys
sys.path.insert(0,'/tmp/causes')
from states import STATES
from own_test import show
def test_x(measured):
    s=measured()
    for n in ['{ours}/SingleStream/performance/log.txt','{ours}/SingleStream/performance/record.json','{scenario}/performance/run_1/mlperf_log_detail.txt','{scenario}/performance/run_1/mlperf_log_summary.txt','{scenario}/accuracy/mlperf_log_detail.txt','{ours}/manifest.json']:
        p=s.path(n); good=p.read_bytes()
        for st,fn in STATES.items():
            if st in ('gzip','page','zeros','utf-16 no bom','blank'): continue
            p.write_bytes(fn(good)); show(n,st,[f for f in s.check().findings if 'attempts' not in f.rule])
        p.unlink(); show(n,'missing',[f for f in s.check().findings if 'attempts' not in f.rule])
        p.write_bytes(good)
