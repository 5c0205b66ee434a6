async function upload(file) {
  try {
    return await socket.timeout(10000).emitWithAck("upload", file);
  } catch (error) {
    if (error.name === "PayloadTooLargeError") return `at most ${error.maxPayload} bytes`;
    throw error;
  }
}
