// Where the sliders cannot run, their place holds an error: the page draws number fields instead.
(() => {
  if (window.prunevizPlain) return
  window.prunevizPlain = true
  const failed = ':is(.st-key-tune-sliders, .st-key-tune-overall) [data-testid=stAlertContentError]'
  setInterval(() => {
    if (document.querySelector(failed)) {
      document.querySelector('.st-key-tune-plain-show button')?.click()
    }
  }, 500)
})()
