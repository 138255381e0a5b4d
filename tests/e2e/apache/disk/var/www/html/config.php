<?php
define('DB_HOST', 'localhost');

function database(): PDO
{
    return new PDO('mysql:host=' . DB_HOST . ';dbname=club', 'club', 'oars', [PDO::ATTR_TIMEOUT => 3]);
}
