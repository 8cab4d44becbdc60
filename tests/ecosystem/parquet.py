"""Parquet files for docs/data.md's lines, and its commands run where Python runs.

parquet.py write IN.jsonl OUT.parquet      a row group a row, so that a file has several
parquet.py shell FOLDER COMMANDS           sh -c COMMANDS there; 77 where its first word is no program
"""

import os
import shutil
import subprocess
import sys

import pyarrow.json
import pyarrow.parquet


def main():
    if sys.argv[1] == "write":
        os.makedirs(os.path.dirname(sys.argv[3]), exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.json.read_json(sys.argv[2]), sys.argv[3], row_group_size=1)
        return 0
    folder, commands = sys.argv[2:4]
    if not shutil.which(commands.split()[0]):
        return 77
    return subprocess.run(["sh", "-c", commands], cwd=folder).returncode


sys.exit(main())
