// Stands for a script that counts visits. It runs only once the visitor may be counted.
document.getElementById('counter').textContent = 'The visit counter ran: you let this site count you.';
