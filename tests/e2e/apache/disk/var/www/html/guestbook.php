<?php
require 'config.php';
database()->prepare('INSERT INTO guestbook (name, text) VALUES (?, ?)')->execute([$_POST['name'], $_POST['text']]);
echo 'written by ', gethostname();
