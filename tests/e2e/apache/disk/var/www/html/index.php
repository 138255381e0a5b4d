<?php require 'config.php'; ?>
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Riverbend Rowing Club</title><link rel="stylesheet" href="css/club.css"></head>
<body>
<h1>Riverbend Rowing Club</h1>
<p><a href="about.html">About us</a></p>
<h2>Guestbook</h2>
<?php foreach (database()->query('SELECT name, text FROM guestbook ORDER BY id DESC LIMIT 50') as $entry): ?>
<p><b><?= htmlspecialchars($entry['name']) ?></b>: <?= htmlspecialchars($entry['text']) ?></p>
<?php endforeach ?>
<form action="guestbook.php" method="post"><input name="name"><input name="text"><button>Write</button></form>
<form action="upload.php" method="post" enctype="multipart/form-data"><input type="file" name="photo"><button>Upload</button></form>
<p>Served by <?= gethostname() ?></p>
</body>
</html>
