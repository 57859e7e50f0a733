// Stands for a script of an ad network. It runs only once the visitor has agreed to be followed.
document.getElementById('remarketing').textContent = 'The advertising script ran: you let ads follow you.';
