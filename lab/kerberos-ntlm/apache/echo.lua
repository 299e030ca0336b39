-- Tells who asks and how. The body is not read: r:requestbody() crashes on some of several megabytes; see sum.sh.
function handle(r)
  r.content_type = "text/plain"
  r:puts(("user=%s mech=%s method=%s\n"):format(r.user or "-", r.subprocess_env["GSS_MECH"] or "-", r.method))
  return apache2.OK
end
