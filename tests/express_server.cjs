// Serves an Express application for each of several configurations: PORT, and a file with a JSON
// object of name -> JavaScript that sets up `app`. `/name/api` and its like are that application's.
"use strict";
const fs = require("node:fs");
const cors = require("cors");
const express = require("express");

const [port, file] = process.argv.slice(2);
const server = express();
for (const [name, code] of Object.entries(JSON.parse(fs.readFileSync(file, "utf8")))) {
  const app = express();
  const isOurs = (origin) => origin === "https://app.example.com";
  const optionsFor = () => ({ origin: "https://app.example.com", credentials: true });
  new Function("app", "cors", "require", "isOurs", "optionsFor", code)(
    app, cors, require, isOurs, optionsFor,
  );
  app.get(["/api", "/open"], (request, response) => response.json({}));
  app.put(["/api", "/open"], (request, response) => response.json({}));
  app.get("/own", (request, response) => {
    response.set("Access-Control-Allow-Origin", "https://own.example").json({});
  });
  server.use(`/${name}`, app);
}
server.listen(Number(port), "127.0.0.1");
