// Command walk walks a new user's first day through Herald, and says how it went: `make walk`.
//
// It clones the checkout's last commit into an empty folder and does what the README and the pages behind it say, command for command, and
// what the commands themselves print: it runs the development server and follows it in a terminal, in Node.js and in a page in Chromium;
// then, on a PostgreSQL of its own, it has producers of four languages publish as their own role, runs two nodes behind the nginx
// configuration that is shipped, kills one, drains one, changes the keys, dumps and restores the database, and mends a hundred dead letters.
//
// Each step is printed with its commands and its time. A step that fails is printed with what was said, and those behind it that need it are not
// reached. A step whose program is not on this machine, or whose part of Herald is not in the clone, is left out. The verdict names all of them;
// the exit code is 1 where a step failed.
package main
