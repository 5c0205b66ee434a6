const socket = io({ retries: 3, ackTimeout: 10000 });
