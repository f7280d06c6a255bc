-- Asks Lapwing's decision endpoint about a request: http-request lua.lapwing
--
-- When it may go on, the variables txn.lapwing_* say what Lapwing knows; else the
-- client gets Lapwing's answer. While Lapwing is away nobody comes in; with
-- LAPWING_AWAY=open in the environment everybody does.

local decide = os.getenv("LAPWING_DECIDE") or "http://127.0.0.1:8480/.lapwing/decide"
local open = os.getenv("LAPWING_AWAY") == "open"

-- Headers of the client that say nothing about the inquiry itself, or that only
-- this script may write.
local kept = {
    ["host"] = true, ["connection"] = true, ["content-length"] = true, ["transfer-encoding"] = true, ["expect"] = true,
    ["upgrade"] = true, ["te"] = true, ["trailer"] = true, ["keep-alive"] = true, ["proxy-connection"] = true,
    ["forwarded"] = true, ["x-forwarded-for"] = true, ["x-forwarded-proto"] = true,
    ["x-forwarded-method"] = true, ["x-forwarded-uri"] = true, ["x-forwarded-host"] = true,
    ["x-original-method"] = true, ["x-original-uri"] = true, ["x-original-host"] = true,
}

-- What to take over from the answer: variable and header.
local told = {
    ["txn.lapwing_tier"] = "x-lapwing-tier", ["txn.lapwing_user"] = "x-lapwing-user", ["txn.lapwing_upstream"] = "x-lapwing-upstream",
    ["txn.lapwing_id"] = "x-request-id", ["txn.lapwing_trace"] = "traceparent",
    ["txn.lapwing_limit"] = "ratelimit", ["txn.lapwing_policy"] = "ratelimit-policy",
}

-- Headers of a refusal that are of the connection to Lapwing.
local dropped = { ["connection"] = true, ["content-length"] = true, ["transfer-encoding"] = true, ["date"] = true, ["keep-alive"] = true }

local function inquiry(txn)
    local headers = {}
    for name, values in pairs(txn.http:req_get_headers()) do
        if not kept[name] then
            local list = {}
            for i = 0, #values do -- this table of HAProxy's begins at 0
                if values[i] ~= nil then list[#list + 1] = values[i] end
            end
            headers[name] = list
        end
    end
    local scheme = "http"
    if txn.f:ssl_fc() == 1 then scheme = "https" end
    headers["x-original-method"] = { txn.f:method() }
    headers["x-original-uri"] = { txn.f:pathq() }
    headers["x-original-host"] = { txn.f:req_hdr("host") or "" }
    headers["x-forwarded-for"] = { txn.f:src() }
    headers["x-forwarded-proto"] = { scheme }
    return headers
end

local function refuse(txn, status, headers, body)
    local reply = txn:reply()
    reply:set_status(status)
    for name, values in pairs(headers) do
        if not dropped[name] then
            for i = 0, #values do
                if values[i] ~= nil then reply:add_header(name, values[i]) end
            end
        end
    end
    reply:set_body(body)
    txn:done(reply)
end

core.register_action("lapwing", { "http-req" }, function(txn)
    local client = core.httpclient()
    local answer = client:get{ url = decide, headers = inquiry(txn), timeout = 60000 }
    if answer == nil or answer.status == nil or answer.status < 200 or answer.headers["x-lapwing-verdict"] == nil then
        if open then return end
        refuse(txn, 503, { ["content-type"] = { "application/problem+json" } },
            '{"type":"about:blank","title":"Service Unavailable","status":503}\n')
        return
    end
    if answer.status >= 300 then
        refuse(txn, answer.status, answer.headers, answer.body or "")
        return
    end
    for variable, name in pairs(told) do
        local values = answer.headers[name]
        if values ~= nil then txn:set_var(variable, values[0] or values[1]) end
    end
end, 0)
