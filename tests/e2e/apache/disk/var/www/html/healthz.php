<?php
require 'config.php';
database()->query('SELECT 1');
echo 'well';
